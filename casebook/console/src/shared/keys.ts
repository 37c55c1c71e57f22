import { onBeforeUnmount, onMounted } from 'vue'

type Handler = () => void

/** Single-key shortcuts. They are silent while somebody types or an input method composes, and beside Ctrl, Alt, Meta. */
export function useShortcuts(shortcuts: Readonly<Record<string, Handler>>): void {
  function onKeydown(event: KeyboardEvent): void {
    const handler = shortcuts[event.key]
    if (!handler || event.defaultPrevented || !isFree(event)) return
    event.preventDefault()
    handler()
  }
  onMounted(() => document.addEventListener('keydown', onKeydown))
  onBeforeUnmount(() => document.removeEventListener('keydown', onKeydown))
}

function isFree(event: KeyboardEvent): boolean {
  // keyCode 229: the input method took the key, also where isComposing is not set yet.
  if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.altKey || event.metaKey) return false
  const target = event.target
  if (!(target instanceof HTMLElement)) return true
  if (target.isContentEditable || target.closest('input, textarea, select')) return false
  // Space and Enter belong to a control that has the focus.
  return !((event.key === ' ' || event.key === 'Enter') && target.closest('button, a, summary, [role="button"]'))
}
