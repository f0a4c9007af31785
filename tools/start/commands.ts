import { resolve } from 'node:path';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { uuidOf } from '#kit/derived-id.ts';
import { demoCategory } from '../demo/shop.ts';
import { operator } from '../mesh/authority.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { shellWords } from '../tool.ts';

/** Commands that work as printed on what the mesh has to sell, with what they are for above them. */
export async function commandsToTry(mesh: Mesh, dataDir: string): Promise<string[]> {
  const products = mesh.client(ProductService, 'commerce.product');
  const page = await products.listProducts({ category: demoCategory, pageSize: 1 });
  const hasDemo = page.products.length > 0;
  const commands = hasDemo
    ? forBuyers(mesh, dataDir)
    : forStaff(mesh, resolve(dataDir, 'secrets.json'));
  return commands.map((line, i) => (i === 0 ? line : `  ${line}`));
}

function forBuyers(mesh: Mesh, dataDir: string): string[] {
  const gateway = mesh.addressOf('platform.gateway');
  return [
    'try',
    `npm run demo -- --gateway ${gateway}`,
    `npm run demo finance -- --gateway ${gateway} --data-dir ${shellWords([resolve(dataDir)])}`,
    `curl -s http://${gateway}/commerce.product.v1.ProductService/ListProducts \\`,
    `  -H 'content-type: application/json' -d '{"pageSize": 3}'`,
    ...grpcurl(mesh),
  ];
}

/** With certificates a service answers nobody without one, and the operator's is for people. */
function grpcurl({ certificates, addressOf }: Mesh): string[] {
  if (certificates === undefined) {
    return [`grpcurl -plaintext ${addressOf('platform.gateway')} list`];
  }
  const { ca, certificate, key } = certificates.pathsOf(operator);
  return [
    `grpcurl -cacert ${shellWords([ca])} \\`,
    `  -cert ${shellWords([certificate])} \\`,
    `  -key ${shellWords([key])} ${addressOf('commerce.order')} list`,
  ];
}

/** Signs in, puts a first product on sale, and stocks it. Done again, it changes nothing: the request ids stay. */
function forStaff(mesh: Mesh, secretsFile: string): string[] {
  const gateway = mesh.addressOf('platform.gateway');
  const asStaff = `-H "authorization: Bearer $STAFF_TOKEN" -H 'content-type: application/json'`;
  const sku = 'TEA-FIRST-100-G';
  return [
    `no demo shop is here; a first product comes from staff, whose login is in ${secretsFile}`,
    `STAFF_TOKEN=$(node -p 'const s = require(process.argv[1]); JSON.stringify({requestId: crypto.randomUUID(),`,
    `  email: s.BOOTSTRAP_STAFF_EMAIL, password: s.BOOTSTRAP_STAFF_PASSWORD})' ${shellWords([secretsFile])} |`,
    `  curl -s http://${gateway}/platform.user.v1.SessionService/Authenticate \\`,
    `  -H 'content-type: application/json' -d @- | sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')`,
    `curl -s http://${gateway}/commerce.product.v1.ProductService/CreateProduct \\`,
    `  ${asStaff} \\`,
    `  -d '{"requestId": "${uuidOf('try', 'product')}", "product": {"title": "First tea", "category": "food/tea",`,
    `  "status": "PRODUCT_STATUS_AVAILABLE", "variants": [{"sku": "${sku}",`,
    `  "unitPrice": {"currencyCode": "EUR", "amountMinor": "1250"}}]}}'`,
    `curl -s http://${gateway}/commerce.inventory.v1.InventoryService/SetStock \\`,
    `  ${asStaff} \\`,
    `  -d '{"requestId": "${uuidOf('try', 'stock')}", "sku": "${sku}", "onHand": 250}'`,
  ];
}
