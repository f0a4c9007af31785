/** What Envoy itself refuses, in the words of the services. */
import { codes, type DomainError } from '#kit/errors.ts';
import { CallerNotAllowed, CredentialsInvalid } from '#kit/mesh-errors.ts';
import { replyOfStatus, statusOfDomainError } from '#kit/rpc/status.ts';

/** Envoy's own refusals of gRPC calls, as the kit would answer; the first that fits counts. */
export function localReplies(): object[] {
  const denied = 'jwt_authn_access_denied';
  const noKeys = { code: codes.unavailable, message: 'the keys are unavailable' };
  const noMethod = { code: codes.unimplemented, message: 'no method %REQ(:PATH)% here' };
  return [
    // Without the keys nobody can say that a token is bad.
    localReply(` == '${denied}{Jwks_remote_fetch_is_failed}'`, noKeys),
    localReply(`.startsWith('${denied}')`, kitReply(new CredentialsInvalid())),
    localReply(` == 'direct_response'`, kitReply(new CallerNotAllowed())),
    localReply(` == 'route_not_found'`, noMethod),
  ];
}

/** `details` is an expression on Envoy's own word for what happened. */
function localReply(details: string, { code, message, statusBase64 }: LocalReply): object {
  const headers = {
    'grpc-status': String(code),
    'grpc-message': message,
    ...(statusBase64 ? { 'grpc-status-details-bin': statusBase64 } : {}),
  };
  return {
    filter: celFilter(
      `response.code_details${details} && request.headers['content-type'].startsWith('application/grpc')`,
    ),
    // Envoy takes gRPC-Web for plain HTTP here; a browser reads what is in the headers only from a 200 of gRPC's type.
    status_code: 200,
    headers_to_add: Object.entries(headers).map(([key, value]) => ({
      header: { key, value },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    })),
    body_format_override: {
      text_format_source: { inline_string: '' },
      content_type: 'application/grpc',
    },
  };
}

interface LocalReply {
  code: number;
  message: string;
  /** A serialised google.rpc.Status. */
  statusBase64?: string;
}

/** What a service of the mesh would answer, byte for byte. */
function kitReply(error: DomainError): LocalReply {
  // The domain of what the kit refuses is the mesh's own, whatever the service.
  const { code, message, details } = replyOfStatus(statusOfDomainError(error, ''));
  return { code, message, statusBase64: Buffer.from(details!).toString('base64') };
}

function celFilter(expression: string): object {
  return {
    extension_filter: {
      name: 'envoy.access_loggers.extension_filters.cel',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
        expression,
      },
    },
  };
}
