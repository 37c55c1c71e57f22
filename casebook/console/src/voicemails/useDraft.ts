import { reactive, watch } from 'vue'
import { idempotencyKeys } from '../api/client'

export interface Draft {
  title: string
  body: string
  demand: string
  reason: string
  /** False while `body` is what was prefilled: a better transcript may still replace it. */
  bodyTouched: boolean
}

/**
 * What a reviewer typed for one case. It lives in this tab's session storage until it is submitted, so that neither a
 * refresh, an ended session nor a reload loses a word.
 */
export function useDraft(user: string, caseNo: string, demand: string) {
  const place = `draft:${user}:${caseNo}`
  const empty: Draft = { title: '', body: '', demand, reason: '', bodyTouched: false }
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
