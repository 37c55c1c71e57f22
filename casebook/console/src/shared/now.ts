import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'

/** The time of day in milliseconds, by the second. */
export function useNow(): Ref<number> {
  const now = ref(Date.now())
  let timer: number | undefined
  onMounted(() => (timer = window.setInterval(() => (now.value = Date.now()), 1_000)))
  onBeforeUnmount(() => window.clearInterval(timer))
  return now
}
