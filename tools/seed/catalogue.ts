/** The demo shop's catalogue: 200 products made from a few words, always the same, in English and Chinese. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type ProductContentSchema, ProductStatus } from '#gen/commerce/product/v1/product_pb.ts';

type Content = MessageInitShape<typeof ProductContentSchema>;
type Words = readonly [english: string, chinese: string];

interface Kind {
  name: Words;
  category: string;
  brand: string;
  /** Price of the plainest one, in minor units of EUR. */
  fromMinor: number;
  sizes: readonly string[];
}

const kinds: readonly Kind[] = [
  {
    name: ['Running shoe', '跑步鞋'],
    category: 'shoes/running',
    brand: 'Falke & Sohn',
    fromMinor: 8_990,
    sizes: ['42', '43', '44'],
  },
  {
    name: ['Hiking boot', '登山靴'],
    category: 'shoes/hiking',
    brand: 'Falke & Sohn',
    fromMinor: 14_990,
    sizes: ['42', '44'],
  },
  {
    name: ['Rain jacket', '雨衣'],
    category: 'clothing/jackets',
    brand: 'Nordwind',
    fromMinor: 11_950,
    sizes: ['S', 'M', 'L'],
  },
  {
    name: ['Wool jumper', '羊毛衫'],
    category: 'clothing/knitwear',
    brand: 'Nordwind',
    fromMinor: 7_450,
    sizes: ['M', 'L'],
  },
  {
    name: ['Backpack', '双肩包'],
    category: 'bags/backpacks',
    brand: '山行',
    fromMinor: 6_900,
    sizes: ['20 l', '35 l'],
  },
  {
    name: ['Tea pot', '茶壶'],
    category: 'kitchen/tea',
    brand: '景德',
    fromMinor: 3_900,
    sizes: ['0.5 l', '1 l'],
  },
  {
    name: ['Tea', '茶叶'],
    category: 'food/tea',
    brand: '武夷',
    fromMinor: 1_250,
    sizes: ['100 g', '250 g'],
  },
  {
    name: ['Desk lamp', '台灯'],
    category: 'home/lighting',
    brand: 'Lumen',
    fromMinor: 4_590,
    sizes: ['one size'],
  },
  {
    name: ['Headphones', '耳机'],
    category: 'electronics/audio',
    brand: 'Klangwerk',
    fromMinor: 12_900,
    sizes: ['one size'],
  },
  {
    name: ['Notebook', '笔记本'],
    category: 'office/paper',
    brand: 'Blatt',
    fromMinor: 850,
    sizes: ['A5', 'A4'],
  },
];

const styles: readonly Words[] = [
  ['Classic', '经典'],
  ['Light', '轻盈'],
  ['Urban', '都市'],
  ['Forest', '森林'],
  ['Ocean', '海洋'],
  ['Dawn', '晨曦'],
  ['Granite', '花岗岩'],
  ['Lotus', '莲花'],
  ['Bamboo', '竹韵'],
  ['Silk', '丝绸'],
  ['Amber', '琥珀'],
  ['Snow', '雪白'],
  ['Ink', '水墨'],
  ['Copper', '紫铜'],
  ['Sand', '沙漠'],
  ['Moss', '青苔'],
  ['Cedar', '雪松'],
  ['Comet', '彗星'],
  ['Harbour', '港湾'],
  ['Summit', '巅峰'],
];

/** Units of each SKU that the shop begins with; the first one is scarce, to see how it sells out. */
export const unitsPerSku = 250n;
export const scarceSku = 'RUNNING-SHOE-CLASSIC-42';
export const scarceUnits = 3n;

/** 20 styles of each of 10 kinds. */
export function demoProducts(): Content[] {
  return kinds.flatMap((kind) => styles.map((style, i) => toContent(kind, style, i)));
}

/** The SKUs of a product, in the order of its variants. */
export function skusOf(content: Content): string[] {
  return (content.variants ?? []).map((variant) => variant.sku ?? '');
}

function toContent(kind: Kind, style: Words, index: number): Content {
  const [english, chinese] = kind.name;
  return {
    title: `${style[0]} ${english.toLowerCase()}`,
    description: `${english} by ${kind.brand}, in the style "${style[0]}".`,
    localizedTexts: {
      'zh-Hans': {
        title: `${style[1]}${chinese}`,
        description: `${kind.brand} ${chinese},${style[1]}系列。`,
      },
    },
    category: kind.category,
    brand: kind.brand,
    status: ProductStatus.AVAILABLE,
    variants: kind.sizes.map((size, step) => ({
      sku: [english, style[0], size]
        .join(' ')
        .toUpperCase()
        .replaceAll(/[^A-Z0-9.]+/g, '-'),
      title: size,
      unitPrice: {
        currencyCode: 'EUR',
        amountMinor: BigInt(kind.fromMinor + index * 150 + step * 500),
      },
      attributes: { size: { value: { case: 'textValue' as const, value: size } } },
    })),
  };
}
