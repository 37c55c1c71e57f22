/** Speaks to the REST API: cookies carry the session, errors are RFC 9457 problems with a sentence to show. */

export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(detail)
  }
}

interface ProblemBody {
  detail?: string
  code?: string
  errors?: { field: string; message: string }[]
}

interface Options {
  body?: unknown
  idempotencyKey?: string
  signal?: AbortSignal
  /** A file takes longer than a form. */
  timeoutMs?: number
}

const TIMEOUT_MS = 20_000
let onSignedOut: () => void = () => undefined

/** Called whenever the server says that the session has ended. */
export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback
}

export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { 'X-Hotline-Client': 'console' }
  const form = options.body instanceof FormData
  // Of a form with files the browser writes the type itself: it knows the boundary.
  if (options.body !== undefined && !form) headers['Content-Type'] = 'application/json'
  if (options.idempotencyKey) headers['Idempotency-Key'] = options.idempotencyKey
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
  const init: RequestInit = {
    method,
    headers,
    signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
  }
  if (options.body !== undefined) init.body = form ? (options.body as FormData) : JSON.stringify(options.body)

  let response: Response
  try {
    response = await fetch(`/api/v1${path}`, init)
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw new ApiProblem(0, 'offline', '连不上服务器，请检查网络。您填写的内容还在本页。')
  }
  if (!response.ok) throw await problemOf(response, path)
  return (response.status === 204 ? undefined : await response.json()) as T
}

async function problemOf(response: Response, path: string): Promise<ApiProblem> {
  const body = (await response.json().catch(() => ({}))) as ProblemBody
  if (response.status === 401 && path !== '/session') onSignedOut()
  const fields = Object.fromEntries((body.errors ?? []).map((error) => [error.field, error.message]))
  return new ApiProblem(response.status, body.code ?? 'unknown', body.detail ?? '服务器没有给出说明，请稍后再试。', fields)
}

/** The sentence to show for anything that was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof ApiProblem ? error.message : '页面出错了，请刷新后再试。'
}

/** A key that makes a repeated POST harmless. (crypto.randomUUID needs https, this does not.) */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The same content sent again carries the same key, so that a retry after a lost answer is done once. */
export function idempotencyKeys(): (content: unknown) => string {
  const keys = new Map<string, string>()
  return (content) => {
    const text = JSON.stringify(content)
    const key = keys.get(text) ?? newIdempotencyKey()
    keys.set(text, key)
    return key
  }
}
