/** The agent's telephone and where the agent sits: one for the whole console, whatever screen is open. */
import { computed, reactive, readonly } from 'vue'
import { ApiProblem, newIdempotencyKey, sentenceOf } from '../api/client'
import {
  type AgentState,
  type AgentStateName,
  changeState,
  deskAction,
  getPhone,
  listAgents,
  listLiveCalls,
  logIn,
  tookCall,
} from '../api/desk'
import { followBoard, stopBoard } from './board'
import type { PhoneLine } from './line'
import { startRinging, stopRinging } from './ring'

/** off: not signed in at a telephone; desk: the PBX has none for browsers; other: another tab has it. */
type LineState = 'off' | 'desk' | 'other' | 'connecting' | 'registered' | 'lost' | 'refused'

/** A call at the agent's telephones. `here`: it rings, or is spoken, in this page. */
export interface PhoneCall {
  callId: string
  state: 'ringing' | 'up'
  here: boolean
  since: number
  muted: boolean
}

interface Phone {
  /** null: unknown yet, or nowhere. */
  me: AgentState | null
  extensions: string[]
  taken: Record<string, string>
  loaded: boolean
  available: boolean
  line: LineState
  microphone: boolean
  call: PhoneCall | null
  problem: string
}

const phone = reactive<Phone>({
  me: null,
  extensions: [],
  taken: {},
  loaded: false,
  available: true,
  line: 'off',
  microphone: true,
  call: null,
  problem: '',
})
const RAW = 'phone:raw'
const LOCK = 'hotline:phone'
const LOOK_MS = 4_000
const SETTLES_MS = 1_500
let line: PhoneLine | null = null
let lineOf = ''
let taking = ''
let release: () => void = () => undefined
let timer: number | undefined
let userName = ''
let starts = 0

const signedIn = computed(() => phone.me !== null && phone.me.state !== 'out')

export const rawSound = (): boolean => localStorage.getItem(RAW) === '1'
export function setRawSound(raw: boolean): void {
  localStorage.setItem(RAW, raw ? '1' : '0')
}

/** Begin for somebody who may sit at a telephone. */
export async function startPhone(user: string): Promise<void> {
  userName = user
  starts += 1
  await refresh()
  timer ??= window.setInterval(() => void refresh(), LOOK_MS)
}

export function stopPhone(): void {
  starts += 1
  window.clearInterval(timer)
  timer = undefined
  closeLine()
  Object.assign(phone, { me: null, loaded: false, call: null, problem: '' })
}

/** How things stand at the server: also what happens at the telephone on the desk, and after a reload. */
async function refresh(): Promise<void> {
  const began = starts
  try {
    const { items, extensions } = await listAgents()
    if (began !== starts) return
    phone.extensions = extensions
    phone.taken = Object.fromEntries(items.filter((one) => one.state !== 'out').map((one) => [one.extension, one.user_name]))
    take(items.find((one) => one.user_name === userName && one.state !== 'out') ?? null)
    phone.loaded = true
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) {
      phone.available = false
      phone.loaded = true
      window.clearInterval(timer)
    }
  }
}

function take(me: AgentState | null): void {
  phone.me = me
  const extension = me?.extension ?? ''
  if (extension === lineOf) return
  closeLine()
  lineOf = extension
  if (!extension) return
  void openLine()
  void look()
  followBoard(extension, onBoard)
}

/** What the live board says of this agent. A moment later it may be this page's own call that just began or ended. */
let settling: number | undefined
function onBoard(found: { callId: string; state: 'ringing' | 'up' } | null): void {
  window.clearTimeout(settling)
  if (phone.call?.here) return
  const wait = phone.line === 'registered' && found ? SETTLES_MS : 0
  settling = window.setTimeout(() => setElsewhere(found), wait)
}

/** The calls that the PBX has at this agent's telephones. */
async function look(): Promise<void> {
  try {
    const [live] = (await listLiveCalls()).items
    if (phone.call?.here) return
    setElsewhere(live ? { callId: live.call_id, state: live.state } : null)
  } catch {
    // The PBX is away for a moment: what was known stays.
  }
}

/** A call at the telephone on the desk, or one that this page lost when it was loaded anew. */
function setElsewhere(found: { callId: string; state: 'ringing' | 'up' } | null): void {
  if (phone.call?.here) return
  if (!found) {
    if (phone.call?.state === 'up') void wrapUp()
    phone.call = null
    return
  }
  if (phone.call?.callId === found.callId && phone.call.state === found.state) return
  if (!phone.call || phone.call.callId !== found.callId) markRing(found.callId)
  phone.call = { ...found, here: false, since: Date.now(), muted: false }
  if (found.state === 'up') void noteTaken(found.callId)
}

async function openLine(): Promise<void> {
  const began = starts
  const extension = lineOf
  phone.line = 'connecting'
  try {
    const account = await getPhone()
    const { PhoneLine: Line } = await import('./line')
    await onlyTab()
    if (began !== starts || extension !== lineOf) return
    phone.line = 'connecting'
    line = new Line(account, events, rawSound)
  } catch (error) {
    if (extension !== lineOf) return
    if (error instanceof ApiProblem && error.status === 404) {
      phone.line = 'desk'
      return
    }
    phone.line = 'lost'
    window.setTimeout(() => extension === lineOf && !line && void openLine(), LOOK_MS)
  }
}

/** Two tabs that register the same telephone would take it from each other: the second one waits. */
async function onlyTab(): Promise<void> {
  if (!('locks' in navigator)) return
  const waiting = new AbortController()
  release = () => waiting.abort()
  await new Promise<void>((granted) => {
    const slow = window.setTimeout(() => (phone.line = 'other'), SETTLES_MS)
    const done = (): void => {
      window.clearTimeout(slow)
      granted()
    }
    navigator.locks
      .request(LOCK, { signal: waiting.signal }, () => {
        done()
        return new Promise<void>((free) => (release = free))
      })
      .catch(done)
  })
}

function closeLine(): void {
  release()
  release = () => undefined
  window.clearTimeout(settling)
  stopBoard()
  line?.stop()
  line = null
  lineOf = ''
  phone.line = 'off'
  stopRinging()
}

const events = {
  state: (state: 'connecting' | 'registered' | 'lost' | 'refused'): void => {
    // A socket that is tried again is still lost to whoever waits for it.
    if (!(state === 'connecting' && phone.line === 'lost')) phone.line = state
  },
  rings: (callId: string): void => {
    markRing(callId)
    phone.call = { callId, state: 'ringing', here: true, since: Date.now(), muted: false }
    if (taking && taking === callId) {
      taking = ''
      void line?.answer()
      return
    }
    startRinging()
  },
  up: (): void => {
    stopRinging()
    if (!phone.call) return
    phone.call.state = 'up'
    phone.call.since = Date.now()
    if (phone.call.callId) void noteTaken(phone.call.callId)
  },
  over: (): void => {
    stopRinging()
    const wasUp = phone.call?.state === 'up'
    const citizen = Boolean(phone.call?.callId)
    phone.call = null
    if (wasUp && citizen) void wrapUp()
  },
  microphone: (works: boolean): void => {
    phone.microphone = works
  },
  sound: (works: boolean): void => {
    phone.problem = works ? '' : '声音没有接通：请检查网络。来电还在，可以转接或请来电人稍候。'
  },
}

/** For the measure of how soon the screen shows who calls. */
function markRing(callId: string): void {
  performance.mark('hotline:ring', { detail: callId })
}

async function noteTaken(callId: string): Promise<void> {
  for (let tries = 0; tries < 5; tries += 1) {
    try {
      await tookCall(callId, newIdempotencyKey())
      return
    } catch {
      // The PBX may not have told yet that the call is up.
      await new Promise((done) => window.setTimeout(done, 500))
    }
  }
}

/** After a call the agent finishes it in peace (话后整理). */
async function wrapUp(): Promise<void> {
  if (phone.me?.state === 'ready') await setState('wrapup')
}

async function attempt(work: () => Promise<void>): Promise<boolean> {
  phone.problem = ''
  try {
    await work()
    return true
  } catch (error) {
    phone.problem = sentenceOf(error)
    return false
  }
}

async function signInAt(extension: string): Promise<boolean> {
  return attempt(async () => {
    take(await logIn(extension, newIdempotencyKey()))
  })
}

async function setState(state: AgentStateName, reason = ''): Promise<boolean> {
  return attempt(async () => {
    const me = await changeState(state, reason, newIdempotencyKey())
    take(state === 'out' ? null : me)
  })
}

/** Take back the call that this page lost when it was loaded anew: the PBX rings this browser again. */
async function retake(): Promise<boolean> {
  taking = phone.call?.callId ?? ''
  const done = await attempt(async () => void (await deskAction('retake', newIdempotencyKey())))
  if (!done) taking = ''
  return done
}

async function mute(muted: boolean): Promise<void> {
  const call = phone.call
  if (!call) return
  const done = await attempt(async () => {
    if (call.here) line?.mute(muted)
    else await deskAction('mute', newIdempotencyKey(), { on: muted })
  })
  if (done) call.muted = muted
}

export function usePhone() {
  return {
    phone: readonly(phone),
    signedIn,
    signInAt,
    setState,
    answer: (): void => void line?.answer(),
    hangUp: (): void => line?.hangUp(),
    press: (key: string): void => line?.press(key),
    mute,
    retake,
  }
}
