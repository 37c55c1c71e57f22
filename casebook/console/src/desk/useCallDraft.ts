import { reactive, watch } from 'vue'
import { newIdempotencyKey } from '../api/client'
import type { Registered } from '../api/desk'

/** What an agent writes for one call. */
export interface CallDraft {
  demand: string
  title: string
  body: string
  place: string
  matter: string
  region: string
  name: string
  phone: string
  anonymous: boolean
  secret: boolean
  urgent: boolean
  /** What follows the registration: the back office, an answer on the spot, a line that took the caller, or nothing yet. */
  then: 'triage' | 'answer' | 'transfer' | 'none'
  /** What of that was submitted and has had no answer yet. */
  submitted: '' | 'triage' | 'answer' | 'transfer'
  answer: string
  /** The entry of the knowledge base that the answer is from. */
  entry: number
  confirmed: boolean
  line: string
  /** Sent again after a lost answer, the same case comes of it. */
  key: string
  made: Registered | null
}

const EMPTY: CallDraft = {
  demand: '', title: '', body: '', place: '', matter: '', region: '', name: '', phone: '',
  anonymous: false, secret: false, urgent: false,
  then: 'triage', submitted: '', answer: '', entry: 0, confirmed: false, line: '', key: '', made: null,
}

const place = (user: string, callId: string): string => `desk:${user}:${callId}`

/** Kept in this tab's session storage until the call is finished: no reload, no crash and no hang-up loses a word. */
export function useCallDraft(user: string, callId: string) {
  const at = place(user, callId)
  const draft = reactive<CallDraft>({ ...EMPTY, key: newIdempotencyKey(), ...stored(at) })
  const stop = watch(draft, () => {
    try {
      sessionStorage.setItem(at, JSON.stringify(draft))
    } catch {
      // Storage full or forbidden: the text is still in the page.
    }
  })
  function forget(): void {
    stop()
    sessionStorage.removeItem(at)
  }
  return { draft, forget }
}

function stored(at: string): Partial<CallDraft> {
  try {
    return JSON.parse(sessionStorage.getItem(at) ?? '{}') as Partial<CallDraft>
  } catch {
    return {}
  }
}
