import { request } from './client'

export type Severity = 'emergency' | 'risk'

/** A danger that a voicemail speaks of: `quote` is what was heard, `phrase` the danger word it was taken for. */
export interface Alert {
  id: number
  case_no: string | null
  category: string
  name: string
  severity: Severity
  phrase: string
  quote: string
  found_by: 'text' | 'sound' | 'n-best'
  start_ms: number
  raised_at: string
  acknowledged_at: string | null
  acknowledged_by: string | null
  note: string | null
  masked_number: string
  call_started_at: string
}

export async function listOpenAlerts(signal: AbortSignal): Promise<Alert[]> {
  return (await request<{ items: Alert[] }>('GET', '/alerts?unacknowledged=true', { signal })).items
}

/** The alert as it stands now: where somebody was faster, with that person's note. */
export function acknowledgeAlert(id: number, note: string, idempotencyKey: string): Promise<Alert> {
  return request('POST', `/alerts/${id}/acknowledge`, { body: { note }, idempotencyKey })
}
