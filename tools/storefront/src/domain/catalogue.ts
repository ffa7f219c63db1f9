import { drawsFor } from './draws.js';

/** One thing on the shelf. Its sizes are options of it, not products of their own. */
export interface Product {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly category: string;
  readonly brand: string;
  /** Euro, two decimals; the reduced price where it is on clearance. */
  readonly price: number;
  readonly sizes: readonly string[];
  readonly clearance: boolean;
}

/** The shelf, with the ways in that visitors use. */
export interface Catalogue {
  readonly categories: readonly string[];
  readonly brands: readonly string[];
  readonly products: readonly Product[];
  readonly byCategory: readonly (readonly Product[])[];
  readonly clearance: readonly Product[];
}

interface CategoryKind {
  readonly name: string;
  readonly nouns: readonly string[];
  readonly typicalPrice: number;
  readonly sizes: readonly string[];
}

const clothing = ['XS', 'S', 'M', 'L', 'XL'];
const one = ['one size'];
const kinds: readonly CategoryKind[] = [
  {
    name: 'shoes',
    nouns: ['Runner', 'Boot', 'Loafer', 'Sandal'],
    typicalPrice: 85,
    sizes: ['37', '38', '39', '40', '41', '42', '43', '44'],
  },
  { name: 'jackets', nouns: ['Parka', 'Anorak', 'Blazer', 'Gilet'], typicalPrice: 120, sizes: clothing },
  { name: 'shirts', nouns: ['Oxford', 'Tee', 'Polo', 'Flannel'], typicalPrice: 35, sizes: clothing },
  { name: 'trousers', nouns: ['Chino', 'Jean', 'Cord', 'Jogger'], typicalPrice: 60, sizes: clothing },
  { name: 'dresses', nouns: ['Wrap Dress', 'Shift', 'Pinafore', 'Maxi'], typicalPrice: 75, sizes: clothing },
  { name: 'bags', nouns: ['Tote', 'Satchel', 'Rucksack', 'Clutch'], typicalPrice: 70, sizes: one },
  {
    name: 'watches',
    nouns: ['Diver', 'Field Watch', 'Chronograph', 'Dress Watch'],
    typicalPrice: 160,
    sizes: one,
  },
  {
    name: 'sport',
    nouns: ['Leggings', 'Track Top', 'Shorts', 'Base Layer'],
    typicalPrice: 45,
    sizes: clothing,
  },
  { name: 'home', nouns: ['Throw', 'Lamp', 'Vase', 'Cushion'], typicalPrice: 40, sizes: one },
  {
    name: 'beauty',
    nouns: ['Serum', 'Hand Cream', 'Balm', 'Scent'],
    typicalPrice: 25,
    sizes: ['30 ml', '50 ml', '100 ml'],
  },
];

const brandNames = [
  'Alder',
  'Brine',
  'Corvid',
  'Dovetail',
  'Ember',
  'Fathom',
  'Gorse',
  'Harrow',
  'Islay',
  'Juniper',
  'Kestrel',
  'Larch',
  'Merrow',
  'Norfolk',
  'Osier',
  'Pike',
  'Quarry',
  'Rowan',
  'Sorrel',
  'Thistle',
];

/** Fills the shelf: as many products as asked for, spread over all categories. */
export function stockCatalogue(seed: number, productCount: number): Catalogue {
  const draws = drawsFor(seed, 'catalogue');
  const products: Product[] = [];
  for (let index = 0; index < productCount; index++) {
    const kind = kinds[index % kinds.length] ?? draws.pick(kinds);
    const brand = draws.pick(brandNames);
    const clearance = draws.chance(0.12);
    const fullPrice = kind.typicalPrice * Math.exp(0.45 * draws.normal());
    const id = `prd-${String(index + 1).padStart(4, '0')}`;
    products.push({
      id,
      sku: `${kind.name.slice(0, 2).toUpperCase()}-${String(index + 1).padStart(4, '0')}`,
      name: `${brand} ${draws.pick(kind.nouns)}`,
      category: kind.name,
      brand,
      price: Math.max(3, Math.round(fullPrice * (clearance ? 0.6 : 1) * 100) / 100),
      sizes: kind.sizes,
      clearance,
    });
  }
  return {
    categories: kinds.map((kind) => kind.name),
    brands: brandNames,
    products,
    byCategory: kinds.map((kind) => products.filter((product) => product.category === kind.name)),
    clearance: products.filter((product) => product.clearance),
  };
}
