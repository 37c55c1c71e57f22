import { computed, onBeforeUnmount, ref, watch } from 'vue'

export const RATES = [0.75, 1, 1.25, 1.5, 2] as const

/** A reviewer's speed holds for the next recording too. */
const rate = ref<number>(1)

/** One recording's playback; bind `attach` as the ref of an <audio> element and `on` as its listeners. */
export function usePlayer(knownDurationMs: () => number) {
  const audio = ref<HTMLAudioElement | null>(null)
  const playing = ref(false)
  const currentMs = ref(0)
  const mediaMs = ref<number | null>(null)
  const broken = ref(false)
  let frame = 0
  /** Where to go as soon as there is a recording. */
  let wantedMs: number | null = null

  const durationMs = computed(() => mediaMs.value ?? knownDurationMs())

  function attach(element: unknown): void {
    audio.value = element instanceof HTMLAudioElement ? element : null
    if (wantedMs !== null) seek(wantedMs)
  }

  function readPosition(): void {
    if (audio.value) currentMs.value = audio.value.currentTime * 1000
  }
  function follow(): void {
    readPosition()
    frame = playing.value ? requestAnimationFrame(follow) : 0
  }
  watch(playing, (now) => {
    if (now && !frame) follow()
  })
  watch([audio, rate], () => {
    if (audio.value) audio.value.playbackRate = rate.value
  })
  onBeforeUnmount(() => cancelAnimationFrame(frame))

  const on = {
    play: () => { playing.value = true },
    pause: () => { playing.value = false; readPosition() },
    ended: () => { playing.value = false; readPosition() },
    seeked: readPosition,
    timeupdate: readPosition,
    error: () => { broken.value = true; playing.value = false },
    loadedmetadata: () => {
      const seconds = audio.value?.duration
      if (seconds !== undefined && Number.isFinite(seconds)) mediaMs.value = seconds * 1000
      if (audio.value) audio.value.playbackRate = rate.value
    },
  }

  async function play(): Promise<void> {
    try {
      await audio.value?.play()
    } catch (error) {
      // A pause that overtakes the start is no fault of the recording.
      if (!(error instanceof DOMException && error.name === 'AbortError')) broken.value = true
    }
  }
  const pause = (): void => audio.value?.pause()
  function toggle(): void {
    if (audio.value?.paused) void play()
    else audio.value?.pause()
  }
  function seek(ms: number): void {
    wantedMs = audio.value ? null : ms
    if (!audio.value) return
    audio.value.currentTime = Math.min(Math.max(0, ms), durationMs.value) / 1000
    readPosition()
  }
  const skip = (ms: number): void => seek(currentMs.value + ms)
  function stepRate(step: 1 | -1): void {
    const index = RATES.findIndex((value) => value === rate.value) + step
    rate.value = RATES[Math.min(Math.max(index, 0), RATES.length - 1)] ?? 1
  }
  function setRate(wanted: (typeof RATES)[number]): void {
    rate.value = wanted
  }
  function retry(): void {
    broken.value = false
    audio.value?.load()
  }

  return { attach, on, playing, currentMs, durationMs, rate, broken, play, pause, toggle, seek, skip, stepRate, setRate, retry }
}

export type Player = ReturnType<typeof usePlayer>
