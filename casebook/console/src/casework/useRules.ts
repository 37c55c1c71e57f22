import { ref, type Ref } from 'vue'
import { getRules, type Rules } from '../api/cases'

const rules = ref<Rules | null>(null)
let asked: Promise<void> | undefined

/** What forms offer. Read once; a page opened before the answer shows codes meanwhile. */
export function useRules() {
  asked ??= getRules().then(
    (found) => {
      rules.value = found
    },
    () => {
      asked = undefined // asked again by whoever opens a page next
    },
  )
  return { rules: rules as Ref<Rules | null>, unitName, roleName }
}

/** The year's notice has just been loaded: what was read before says otherwise. */
export function yearAnnounced(year: number): void {
  if (rules.value) rules.value.provisional_years = rules.value.provisional_years.filter((one) => one !== year)
}

const unitName = (code: string): string => rules.value?.units.find((unit) => unit.code === code)?.name ?? code
const roleName = (role: string): string => rules.value?.roles[role] ?? (role === 'system' ? '系统' : role === 'citizen' ? '诉求人' : role)
