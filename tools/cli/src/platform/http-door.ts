import { messageOf, RapportError, type ErrorStatus } from '@rapport/kernel';

/** An answer of the platform, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** The platform's HTTP door with the API token. */
export class HttpDoor {
  constructor(
    readonly url: string,
    private readonly apiToken: string,
  ) {}

  /** Any answer; throws PLATFORM_UNREACHABLE when there is none. */
  async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: string): Promise<HttpAnswer> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.url + path, {
        method,
        headers: {
          authorization: `Bearer ${this.apiToken}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(60_000),
      });
      text = await response.text();
    } catch (thrown) {
      const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
      throw new RapportError(
        'PLATFORM_UNREACHABLE',
        'unavailable',
        `expected a platform at ${this.url}; ${messageOf(cause)}. Start it with: npx rapport up`,
      );
    }
    return { status: response.status, headers: response.headers, body: parsed(text) };
  }

  /** The body of a good answer; throws the platform's own error otherwise. */
  async get<T>(path: string): Promise<T> {
    return this.#bodyOf<T>(await this.call('GET', path));
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return this.#bodyOf<T>(await this.call('POST', path, JSON.stringify(body)));
  }

  async delete<T>(path: string): Promise<T> {
    return this.#bodyOf<T>(await this.call('DELETE', path));
  }

  #bodyOf<T>(answer: HttpAnswer): T {
    if (answer.status >= 200 && answer.status < 300) return answer.body as T;
    throw errorOf(answer, this.url);
  }
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return text;
  }
}

const statuses: Readonly<Record<number, ErrorStatus>> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  413: 'too_large',
  429: 'exhausted',
  501: 'unimplemented',
  503: 'unavailable',
};

/** The platform's error as one of ours, with a hint where the token is what is wrong. */
export function errorOf(answer: HttpAnswer, url: string): RapportError {
  const error = (
    answer.body as { error?: { code?: unknown; message?: unknown; detail?: unknown } } | undefined
  )?.error;
  const code = typeof error?.code === 'string' ? error.code : `HTTP_${answer.status}`;
  const message = typeof error?.message === 'string' ? error.message : `${url} answered ${answer.status}`;
  const hint =
    answer.status === 401
      ? '. Set RAPPORT_API_TOKEN, or RAPPORT_DATA_DIR to the data folder of that platform.'
      : '';
  return new RapportError(
    code,
    statuses[answer.status] ?? 'internal',
    message + hint,
    typeof error?.detail === 'string' ? error.detail : undefined,
  );
}
