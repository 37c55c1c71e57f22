import { computed, onBeforeUnmount, ref, watchEffect } from 'vue'
import { listOpenAlerts, type Alert } from '../api/alerts'
import { sentenceOf } from '../api/client'
import { usePolling } from '../shared/poll'
import { worstFirst } from './words'

/** Alerts about which nobody has done anything yet, worst first. A failed poll keeps what is on the screen and says so. */
export function useAlerts() {
  const open = ref<Alert[]>([])
  const problem = ref('')
  let running: AbortController | undefined

  async function refresh(): Promise<void> {
    running?.abort()
    const mine = (running = new AbortController())
    try {
      open.value = (await listOpenAlerts(mine.signal)).sort(worstFirst)
      problem.value = ''
    } catch (error) {
      if (!mine.signal.aborted) problem.value = `预警暂时读不到，可能有新的预警没有显示。${sentenceOf(error)}`
    }
  }

  /** An answer that was on its way before the acknowledgement must not bring the alert back. */
  function settle(alert: Alert): void {
    running?.abort()
    open.value = open.value.filter((other) => other.id !== alert.id)
    void refresh()
  }

  const title = document.title
  const count = computed(() => open.value.length)
  watchEffect(() => {
    document.title = count.value ? `（${count.value} 条预警）${title}` : title
  })

  // Danger is told in a hidden tab too: its title says how many.
  usePolling(refresh, { alsoHidden: true })
  onBeforeUnmount(() => {
    running?.abort()
    document.title = title
  })

  return { open, problem, refresh, settle }
}
