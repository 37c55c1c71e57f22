import { ref, watch } from 'vue'

const PLACE = 'hotline.review.go-on'

/** Whether the next voicemail opens and plays by itself after a decision: a reviewer's choice, kept in this browser. */
export function useGoOn() {
  const goOn = ref(stored())
  watch(goOn, (now) => {
    try {
      localStorage.setItem(PLACE, now ? 'yes' : 'no')
    } catch {
      // Storage forbidden: the choice holds until the page is closed.
    }
  })
  return { goOn }
}

function stored(): boolean {
  try {
    return localStorage.getItem(PLACE) !== 'no'
  } catch {
    return true
  }
}
