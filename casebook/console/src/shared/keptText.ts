import { ref, watch } from 'vue'

/** A field's text in this tab's session storage until it is forgotten: no reload and no ended session loses it. */
export function useKeptText(place: string) {
  const text = ref(stored(place))
  const stop = watch(text, (now) => {
    try {
      sessionStorage.setItem(place, now)
    } catch {
      // Storage full or forbidden: the text is still in the page.
    }
  })
  function forget(): void {
    stop()
    sessionStorage.removeItem(place)
  }
  return { text, forget }
}

function stored(place: string): string {
  try {
    return sessionStorage.getItem(place) ?? ''
  } catch {
    return ''
  }
}
