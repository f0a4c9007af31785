-- Things for sale. Every change raises the version, in the transaction of the change.
create table product (
  product_id uuid primary key,
  version bigint not null check (version >= 1),
  title text not null check (title <> ''),
  description text not null,
  -- {"zh-Hans": {"title": …, "description": …}}
  localized_texts jsonb not null,
  category text not null,
  brand text not null,
  status text not null check (status in ('AVAILABLE', 'OUT_OF_STOCK', 'DISCONTINUED')),
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 80);

-- The orders in which pages are read.
create index product_category on product (category, product_id);
create index product_brand on product (brand, product_id);

-- What is ordered. The key is what makes a SKU unique in the catalogue, whoever creates it at the same moment; SKUs are
-- compared byte by byte.
create table variant (
  sku text collate "C" primary key,
  product_id uuid not null references product (product_id),
  position int not null,
  title text not null,
  currency text not null,
  unit_minor bigint not null check (unit_minor > 0),
  image_urls jsonb not null,
  -- {"colour": {"kind": "choice", "value": "RED"}}; whole numbers are strings
  attributes jsonb not null,
  -- Whether a unit is available; null until inventory has said so.
  in_stock boolean
) with (fillfactor = 80);

create index variant_product on variant (product_id);
