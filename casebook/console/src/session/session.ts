import { readonly, ref } from 'vue'
import { ApiProblem, request, whenSignedOut } from '../api/client'

export type Role =
  | 'admin'
  | 'reviewer'
  | 'agent'
  | 'shift_leader'
  | 'operator'
  | 'dispatcher'
  | 'supervisor'
  | 'callback'
  | 'liaison'
  | 'deputy'
  | 'leader'
  | 'bureau'

export interface User {
  name: string
  display_name: string
  role: Role
  /** Code of the unit for which the person acts; empty for none. */
  unit: string
  /** Of the telephone at the person's usual desk; empty for none. */
  extension: string
  /** The password was made by an administrator: nothing is open but its change. */
  must_change: boolean
}

interface SessionBody {
  user: User
}

const user = ref<User | null>(null)
const ended = ref(false)

whenSignedOut(() => {
  // Of several requests in flight each is refused: the first one's word stays.
  ended.value ||= user.value !== null
  user.value = null
})

export function useSession() {
  /** Find out whether somebody is signed in. Throws ApiProblem where the server cannot be asked. */
  async function resume(): Promise<void> {
    try {
      user.value = (await request<SessionBody>('GET', '/session')).user
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 401) throw error
    }
  }

  async function signIn(name: string, password: string): Promise<void> {
    user.value = (await request<SessionBody>('POST', '/session', { body: { name, password } })).user
    ended.value = false
  }

  async function signOut(): Promise<void> {
    await request('DELETE', '/session')
    user.value = null
    ended.value = false
    // What was typed and not submitted may name a citizen; it does not stay in the browser.
    sessionStorage.clear()
  }

  async function changePassword(old: string, wanted: string): Promise<void> {
    await request('POST', '/session/password', { body: { old, new: wanted } })
    if (user.value) user.value = { ...user.value, must_change: false }
  }

  return { user: readonly(user), ended: readonly(ended), resume, signIn, signOut, changePassword }
}
