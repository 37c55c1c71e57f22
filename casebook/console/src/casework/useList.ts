import { onBeforeUnmount, ref, type Ref } from 'vue'
import { sentenceOf } from '../api/client'
import { usePolling } from '../shared/poll'

/** A list that is read again and again. A failed reading keeps what is on the screen. */
export function useList<T>(read: (signal: AbortSignal) => Promise<T>) {
  const found = ref(null) as Ref<T | null>
  const problem = ref('')
  let running: AbortController | undefined

  async function refresh(): Promise<void> {
    running?.abort()
    const mine = (running = new AbortController())
    try {
      const answer = await read(mine.signal)
      if (mine.signal.aborted) return
      found.value = answer
      problem.value = ''
    } catch (error) {
      if (!mine.signal.aborted) problem.value = sentenceOf(error)
    }
  }
  usePolling(refresh)
  onBeforeUnmount(() => running?.abort())
  return { found, problem, refresh }
}
