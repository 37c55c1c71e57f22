import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { sentenceOf } from '../api/client'

export interface Loaded<T> {
  data: ShallowRef<T | null>
  problem: Ref<string>
  loading: Ref<boolean>
  load: () => Promise<void>
}

/** Something that a page reads: what was read stays on the screen while a new reading fails, and the sentence says so. */
export function useLoad<T>(read: () => Promise<T>): Loaded<T> {
  const data = shallowRef<T | null>(null)
  const problem = ref('')
  const loading = ref(false)
  let asked = 0

  async function load(): Promise<void> {
    const mine = ++asked
    loading.value = true
    try {
      const found = await read()
      if (mine !== asked) return
      data.value = found
      problem.value = ''
    } catch (error) {
      if (mine === asked) problem.value = sentenceOf(error)
    } finally {
      if (mine === asked) loading.value = false
    }
  }
  onBeforeUnmount(() => (asked = -1))
  return { data, problem, loading, load }
}
