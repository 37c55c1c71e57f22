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
  duration_ms: number
  transcript_text: string | null
  transcript_state: TranscriptState
  /** Why there is no text, where the state is "rejected". */
  transcript_error: string | null
  transcript_confidence: number | null
  title: string
  body: string
  version: number
  alerts: Alert[]
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
  events: CaseEvent[]
  chain_ok: boolean
}

export interface VoicemailPage {
  items: VoicemailItem[]
  next_cursor: string | null
}

export interface ListQuery {
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
