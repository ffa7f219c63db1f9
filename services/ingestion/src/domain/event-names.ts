/** Names of the first e-commerce spec and of old clients, with the names of today. */
const presentNames: Readonly<Record<string, string>> = {
  'Searched Products': 'Products Searched',
  'Viewed Product Category': 'Product List Viewed',
  'Viewed Product List': 'Product List Viewed',
  'Filtered Product List': 'Product List Filtered',
  'Viewed Promotion': 'Promotion Viewed',
  'Clicked Promotion': 'Promotion Clicked',
  'Clicked Product': 'Product Clicked',
  'Viewed Product': 'Product Viewed',
  'Added Product': 'Product Added',
  'Removed Product': 'Product Removed',
  'Viewed Cart': 'Cart Viewed',
  'Started Checkout': 'Checkout Started',
  'Started Order': 'Checkout Started',
  'Viewed Checkout Step': 'Checkout Step Viewed',
  'Completed Checkout Step': 'Checkout Step Completed',
  'Entered Payment Info': 'Payment Info Entered',
  'Updated Order': 'Order Updated',
  'Completed Order': 'Order Completed',
  'Refunded Order': 'Order Refunded',
  'Cancelled Order': 'Order Cancelled',
  'Entered Coupon': 'Coupon Entered',
  'Applied Coupon': 'Coupon Applied',
  'Denied Coupon': 'Coupon Denied',
  'Removed Coupon': 'Coupon Removed',
  'Added Product to Wishlist': 'Product Added to Wishlist',
  'Removed Product from Wishlist': 'Product Removed from Wishlist',
  'Shared Product': 'Product Shared',
  'Shared Cart': 'Cart Shared',
  'Reviewed Product': 'Product Reviewed',
  'Viewed Experiment': 'Experiment Viewed',
};

const names = new Map(Object.entries(presentNames));

/** The name that an event goes by today; most are called that already. */
export function presentEventName(event: string): string {
  return names.get(event) ?? event;
}
