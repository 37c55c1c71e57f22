import { reactive, watch } from 'vue'
import { idempotencyKeys } from '../api/client'
import type { Values } from './fields'

/**
 * What is typed into the form of one action on one case. It lives in this tab's session storage until it is sent, so that
 * neither a conflict, a reload nor an ended session loses a word.
 */
export function useForm(user: string, caseNo: string, event: string) {
  const place = `form:${user}:${caseNo}:${event}`
  const values = reactive<Values>(stored(place))
  const stop = watch(values, () => {
    try {
      sessionStorage.setItem(place, JSON.stringify(values))
    } catch {
      // Storage full or forbidden: the text is still in the page.
    }
  })
  function forget(): void {
    stop()
    sessionStorage.removeItem(place)
  }
  return { values, keyFor: idempotencyKeys(), forget }
}

function stored(place: string): Values {
  try {
    return JSON.parse(sessionStorage.getItem(place) ?? '{}') as Values
  } catch {
    return {}
  }
}
