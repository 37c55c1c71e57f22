import { computed, readonly, ref, watchEffect } from 'vue'

export type Theme = 'system' | 'light' | 'dark'

const PLACE = 'theme'
const dark = window.matchMedia('(prefers-color-scheme: dark)')
const systemIsDark = ref(dark.matches)
const theme = ref<Theme>(stored())

/** Whether the page is dark now: for whatever paints by itself. */
export const isDark = computed(() => (theme.value === 'system' ? systemIsDark.value : theme.value === 'dark'))

dark.addEventListener('change', (event) => (systemIsDark.value = event.matches))
// At once: what paints by itself reads the colours when `isDark` changes.
watchEffect(() => (document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light'), { flush: 'sync' })

/** Light, dark, or as the computer has it; this browser remembers. */
export function useTheme() {
  function choose(now: Theme): void {
    theme.value = now
    try {
      localStorage.setItem(PLACE, now)
    } catch {
      // Storage forbidden: it holds until the page is closed.
    }
  }
  return { theme: readonly(theme), choose }
}

function stored(): Theme {
  try {
    const found = localStorage.getItem(PLACE)
    return found === 'light' || found === 'dark' ? found : 'system'
  } catch {
    return 'system'
  }
}
