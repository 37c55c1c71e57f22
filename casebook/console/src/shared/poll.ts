import { onBeforeUnmount, onMounted } from 'vue'

/** From one answer to the next question; with the question's own time, news is on the screen within five seconds. */
const POLL_MS = 4_000

/**
 * Ask again and again while the component is there. A tab that nobody sees asks only with `alsoHidden`; every tab asks at
 * once when it comes into sight.
 */
export function usePolling(refresh: () => Promise<void>, { alsoHidden = false } = {}): void {
  let timer: number | undefined
  let gone = false

  async function poll(): Promise<void> {
    if (alsoHidden || !document.hidden) await refresh()
    if (!gone) timer = window.setTimeout(poll, POLL_MS)
  }
  const onVisible = (): void => {
    if (!document.hidden) void refresh()
  }

  onMounted(() => {
    void poll()
    document.addEventListener('visibilitychange', onVisible)
  })
  onBeforeUnmount(() => {
    gone = true
    window.clearTimeout(timer)
    document.removeEventListener('visibilitychange', onVisible)
  })
}
