import { onBeforeUnmount, onMounted, ref } from 'vue'

/** The time, every half minute: what is left of a limit goes on while nothing else happens. */
export function useNow() {
  const now = ref(Date.now())
  let timer = 0
  onMounted(() => (timer = window.setInterval(() => (now.value = Date.now()), 30_000)))
  onBeforeUnmount(() => window.clearInterval(timer))
  return now
}
