import { ref } from 'vue'
import { idempotencyKeys, sentenceOf } from '../api/client'

/** What a form sends: one at a time, once for each content, and a sentence where it is not taken. */
export function useSubmission() {
  const busy = ref(false)
  const problem = ref('')
  const keyOf = idempotencyKeys()

  /** Whether it was taken. `lacks`: what is still to be filled in, else ''. The key is that of `content`. */
  async function submit<T>(lacks: string, content: T, send: (content: T, key: string) => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false
    problem.value = lacks
    if (lacks) return false
    busy.value = true
    try {
      await send(content, keyOf(content))
      return true
    } catch (error) {
      problem.value = sentenceOf(error)
      return false
    } finally {
      busy.value = false
    }
  }
  return { busy, problem, submit }
}
