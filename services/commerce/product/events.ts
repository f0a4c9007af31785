import { ProductChangedSchema } from '#gen/commerce/product/v1/product_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { Product } from './domain.ts';
import { productToProto } from './proto.ts';

/** Published once for each version of a product. */
export function productChanged(product: Product, removedSkus: string[]): OutgoingEvent {
  return event(ProductChangedSchema, product.productId, {
    product: productToProto(product),
    removedSkus,
  });
}
