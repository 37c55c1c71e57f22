/** The ringing tone of Chinese exchanges, 450 Hz, one second of five; and the news in the title of the tab. */

const HZ = 450
const SOUNDS_S = 1
const EVERY_MS = 5_000

let context: AudioContext | null = null
let timer: number | undefined
let title = ''

function sound(): void {
  context ??= new AudioContext()
  // Before anybody has touched the page the browser keeps it silent; banner and title tell of the call all the same.
  void context.resume().catch(() => undefined)
  const oscillator = context.createOscillator()
  const volume = context.createGain()
  const now = context.currentTime
  oscillator.frequency.value = HZ
  volume.gain.setValueAtTime(0, now)
  volume.gain.linearRampToValueAtTime(0.2, now + 0.02)
  volume.gain.setValueAtTime(0.2, now + SOUNDS_S - 0.02)
  volume.gain.linearRampToValueAtTime(0, now + SOUNDS_S)
  oscillator.connect(volume).connect(context.destination)
  oscillator.start(now)
  oscillator.stop(now + SOUNDS_S)
}

export function startRinging(): void {
  if (timer !== undefined) return
  title = document.title
  document.title = '【来电】12345'
  sound()
  timer = window.setInterval(sound, EVERY_MS)
}

export function stopRinging(): void {
  if (timer === undefined) return
  window.clearInterval(timer)
  timer = undefined
  document.title = title
  void context?.suspend().catch(() => undefined)
}
