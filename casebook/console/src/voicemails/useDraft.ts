import { reactive, watch } from 'vue'
import { idempotencyKeys } from '../api/client'

export interface Draft {
  title: string
  body: string
  demand: string
  matter: string
  region: string
  place: string
  /** A number to be called at; empty for the one that called. */
  phone: string
  reason: string
  /** The case that has this demand already. */
  masterNo: string
  /** False while `body` is what was prefilled: a better transcript may still replace it. */
  bodyTouched: boolean
}

/**
 * What a reviewer typed for one case. It lives in this tab's session storage until it is submitted, so that neither a
 * refresh, an ended session nor a reload loses a word.
 */
export function useDraft(user: string, caseNo: string, demand: string) {
  const place = `draft:${user}:${caseNo}`
  const empty: Draft = { title: '', body: '', demand, matter: '', region: '', place: '', phone: '', reason: '', masterNo: '', bodyTouched: false }
  const draft = reactive<Draft>({ ...empty, ...stored(place) })

  const stop = watch(draft, () => {
    try {
      sessionStorage.setItem(place, JSON.stringify(draft))
    } catch {
      // Storage full or forbidden: the text is still in the page.
    }
  })

  function forget(): void {
    stop()
    sessionStorage.removeItem(place)
  }

  return { draft, keyFor: idempotencyKeys(), forget }
}

function stored(place: string): Partial<Draft> {
  try {
    return JSON.parse(sessionStorage.getItem(place) ?? '{}') as Partial<Draft>
  } catch {
    return {}
  }
}
