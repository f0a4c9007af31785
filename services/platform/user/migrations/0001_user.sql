-- People. "user" is a reserved word.
create table app_user (
  user_id uuid primary key,
  -- Normalised (lower case), so that one address is one person.
  email text not null check (email = lower(email)),
  -- Argon2id, in the PHC form that names its own parameters.
  password_hash text not null,
  name text not null,
  phone text not null default '',
  roles text[] not null check (cardinality(roles) > 0),
  status text not null check (status in ('ACTIVE', 'INACTIVE', 'SUSPENDED')),
  -- Why staff changed the status last.
  status_reason text not null default '',
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 80);

-- What decides between concurrent sign-ups.
create unique index app_user_email on app_user (email);

create table address (
  address_id uuid primary key,
  user_id uuid not null references app_user,
  label text not null,
  recipient text not null,
  lines text[] not null,
  city text not null,
  region text not null,
  postal_code text not null,
  country_code text not null,
  created_at timestamptz not null
);

create index address_of_user on address (user_id, address_id);

-- What one device holds. Of its refresh tokens only SHA-256 digests are kept: they have 256 random bits.
create table session (
  session_id uuid primary key,
  user_id uuid not null references app_user,
  device_name text not null,
  started_at timestamptz not null,
  used_at timestamptz not null,
  expires_at timestamptz not null,
  -- Absent while it is open.
  ended_at timestamptz,
  token_digest bytea not null,
  -- The token before, and the request that traded it in: a repeat of that request gets its answer again.
  previous_digest bytea,
  previous_request_id uuid,
  -- That answer, encrypted; removed when it may not be repeated any more.
  previous_answer bytea,
  rotated_at timestamptz
) with (fillfactor = 70);

create index session_of_user on session (user_id, session_id) where ended_at is null;
create index session_answer on session (rotated_at) where previous_answer is not null;
create index session_expiry on session (expires_at);

-- Passwords tried of late. The subject is a keyed digest of the address, whether it belongs to anybody or not: the table
-- tells neither who tried nor who exists.
create table sign_in_attempt (
  subject bytea primary key,
  attempts int not null,
  started_at timestamptz not null
) with (fillfactor = 70);

create index sign_in_attempt_age on sign_in_attempt (started_at);

-- Keys of access tokens. Only the private half is secret.
create table signing_key (
  key_id uuid primary key,
  -- base64url: the `x` of the JWK.
  public_key text not null,
  -- PKCS #8, encrypted under SIGNING_KEY_SECRET.
  private_key bytea not null,
  published_at timestamptz not null,
  signs_from timestamptz not null
);
