import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'

/** A line of the list that `?` opens: keys as they are named on the keyboard, and what they do. */
export interface KeyHelp {
  keys: readonly string[]
  does: string
}

const shown: Ref<readonly KeyHelp[]> = ref([])

/** What the page's shortcuts do, while the page is open. */
export function useKeyHelp(help: readonly KeyHelp[]): void {
  onMounted(() => (shown.value = help))
  onBeforeUnmount(() => {
    if (shown.value === help) shown.value = []
  })
}

/** For the shell, which shows the list. */
export function openHelp(): Ref<readonly KeyHelp[]> {
  return shown
}
