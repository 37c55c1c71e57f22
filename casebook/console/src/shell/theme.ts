import { readonly, ref, watchEffect } from 'vue'

export type Theme = 'system' | 'light' | 'dark'

const PLACE = 'theme'
const dark = window.matchMedia('(prefers-color-scheme: dark)')
const systemIsDark = ref(dark.matches)
const theme = ref<Theme>(stored())

dark.addEventListener('change', (event) => (systemIsDark.value = event.matches))
watchEffect(() => {
  const chosen = theme.value === 'system' ? (systemIsDark.value ? 'dark' : 'light') : theme.value
  document.documentElement.dataset.theme = chosen
})

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
