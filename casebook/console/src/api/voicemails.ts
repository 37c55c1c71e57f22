import type { Alert } from './alerts'
import { request } from './client'

export type TranscriptState = 'pending' | 'done' | 'rejected' | 'failed'

export interface VoicemailItem {
  case_no: string
  state: string
  demand: string
  call_id: string
  masked_number: string
  started_at: string
  ended_at: string | null
  recording_id: string | null
  /** By age. */
  sound_deleted: boolean
  duration_ms: number
  transcript_text: string | null
  transcript_state: TranscriptState
  /** Why there is no text, where the state is "rejected". */
  transcript_error: string | null
  transcript_confidence: number | null
  title: string
  body: string
  version: number
  matter: string
  region: string
  place: string
  alerts: Alert[]
  claim: Claim | null
  /** An agent is to call this number back, or does so now. */
  call_back: boolean
}

/** Who is reviewing it, and until when if they do nothing more. */
export interface Claim {
  reviewer: string
  name: string
  until: string
}

/** The text as a reviewer heard it. */
export interface Correction {
  text: string
  by: string
  at: string
}

/** A piece of the text; `heard` is what the recogniser heard there, `after` the punctuation behind it. */
export interface Word {
  text: string
  start_ms: number
  end_ms: number
  confidence: number | null
  heard: string
  after: string
}

/** A value for a field of the case, and the words that it came from. */
export interface Suggestion {
  kind: 'phone' | 'place' | 'matter' | 'time'
  value: string
  quote: string
  start_ms: number
  end_ms: number
  confidence: number
}

/** Levels in dB of full scale; empty before the transcription. */
export interface Quality {
  speech_ms?: number
  /** null: nobody speaks. */
  speech_dbfs?: number | null
  noise_dbfs?: number
  clipped_share?: number
}

export interface CaseEvent {
  seq: number
  type: string
  actor: string
  at: string
  from_state: string
  to_state: string
  payload: Readonly<Record<string, unknown>>
}

export interface Voicemail extends VoicemailItem {
  words: Word[]
  /** The recogniser's own text, nothing mended. */
  heard: string | null
  engine: string | null
  model: string | null
  quality: Quality
  suggestions: Suggestion[]
  correction: Correction | null
  events: CaseEvent[]
  chain_ok: boolean
}

export interface VoicemailPage {
  items: VoicemailItem[]
  next_cursor: string | null
  /** How many wait for a review at all, whatever the list shows. */
  waiting: number
}

export type Order = 'worst' | 'newest'

export interface ListQuery {
  order: Order
  since?: string
  until?: string
  state?: string
  cursor?: string
  limit: number
}

const at = (caseNo: string): string => `/voicemails/${encodeURIComponent(caseNo)}`

export function listVoicemails(query: ListQuery, signal?: AbortSignal): Promise<VoicemailPage> {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value) params.set(name, String(value))
  return request('GET', `/voicemails?${params}`, signal ? { signal } : {})
}

export function getVoicemail(caseNo: string, signal?: AbortSignal): Promise<Voicemail> {
  return request('GET', at(caseNo), signal ? { signal } : {})
}

export interface Registration {
  version: number
  title: string
  body: string
  demand: string
  matter: string
  region: string
  place: string
  phone: string
}

/** The worst voicemail that nobody holds, held from now on; none of `skip`, which are given back. */
export async function nextVoicemail(skip: string[], idempotencyKey: string): Promise<Voicemail | null> {
  return (await request<{ item: Voicemail | null }>('POST', '/voicemails/next', { body: { skip }, idempotencyKey })).item
}

/** Hold it, or hold it longer. Who holds it now; null where there is nothing to review any more. */
export function claimVoicemail(caseNo: string): Promise<Claim | null> {
  return request('PUT', `${at(caseNo)}/claim`)
}

/** Let go of it; sent also by a page that is being closed. */
export function releaseVoicemail(caseNo: string): void {
  void fetch(`/api/v1${at(caseNo)}/claim`, {
    method: 'DELETE',
    headers: { 'X-Hotline-Client': 'console' },
    keepalive: true,
  }).catch(() => undefined) // The claim ends by itself.
}

/** Register a demand that another case has already. */
export function registerAgain(
  caseNo: string,
  body: Registration & { master_no: string },
  idempotencyKey: string,
): Promise<Voicemail> {
  return request('POST', `${at(caseNo)}/register-again`, { body, idempotencyKey })
}

export function correctVoicemail(caseNo: string, text: string, idempotencyKey: string): Promise<Voicemail> {
  return request('POST', `${at(caseNo)}/correction`, { body: { text }, idempotencyKey })
}

export function askCallBack(caseNo: string, note: string, idempotencyKey: string): Promise<Voicemail> {
  return request('POST', `${at(caseNo)}/call-back`, { body: { note }, idempotencyKey })
}

export function registerVoicemail(caseNo: string, body: Registration, idempotencyKey: string): Promise<Voicemail> {
  return request('POST', `${at(caseNo)}/register`, { body, idempotencyKey })
}

export function discardVoicemail(
  caseNo: string,
  body: { version: number; reason: string },
  idempotencyKey: string,
): Promise<Voicemail> {
  return request('POST', `${at(caseNo)}/discard`, { body, idempotencyKey })
}

export function revealNumber(caseNo: string, reason: string, idempotencyKey: string): Promise<{ number: string }> {
  return request('POST', `${at(caseNo)}/reveal`, { body: { reason }, idempotencyKey })
}

export const audioUrl = (recordingId: string): string => `/api/v1/recordings/${encodeURIComponent(recordingId)}/audio`
