const deviceOf = (person: number): string => `5f3c9a52-7d1e-4b7a-9c1d-${String(person).padStart(12, '0')}`;

/** What an ordinary shop sends: a product view with the context of a browser library, about 600 bytes. */
export function trackEvent(person: number, messageId: string, timestamp: string): object {
  return {
    type: 'track',
    messageId,
    anonymousId: deviceOf(person),
    event: 'Product Viewed',
    timestamp,
    properties: {
      product_id: `p-${person % 800}`,
      category: 'shoes',
      name: 'Trail runner',
      brand: 'Fell & Co',
      price: 89.95,
      currency: 'EUR',
      quantity: 1,
      position: person % 20,
    },
    context: {
      library: { name: 'analytics.js', version: '4.1.0' },
      page: {
        path: '/shoes/trail-runner',
        referrer: 'https://shop.example/shoes',
        title: 'Trail runner',
        url: 'https://shop.example/shoes/trail-runner',
      },
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
      locale: 'en-GB',
      timezone: 'Europe/Vienna',
    },
  };
}

/** Stands where each request writes its own digits, so that no two requests carry the same messageId. */
export const serialDigits = 12;
export const serialMark = '9'.repeat(serialDigits);

/** The people that the bodies are about. */
export const anonymousPerson = (person: number): string => `anonymous_id:${deviceOf(person)}`;

/** Bodies of event requests, each with one mark per event; they differ in their people. */
export function eventBodies(count: number, eventsPerRequest: number, people: number): string[] {
  const timestamp = new Date().toISOString();
  return Array.from({ length: count }, (_, request) => {
    const events = Array.from({ length: eventsPerRequest }, (_unused, index) =>
      trackEvent(
        (request * eventsPerRequest + index) % people,
        `bench-${String(request).padStart(4, '0')}-${String(index).padStart(3, '0')}-${serialMark}`,
        timestamp,
      ),
    );
    return JSON.stringify(eventsPerRequest === 1 ? events[0] : { batch: events, sentAt: timestamp });
  });
}

/** Bodies of decide requests for those people. */
export function decideBodies(count: number, people: number, placement: string): string[] {
  return Array.from({ length: count }, (_, request) =>
    JSON.stringify({ person: anonymousPerson((request * 7) % people), placement }),
  );
}
