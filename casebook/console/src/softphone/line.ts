/** The telephone in the browser: SIP over a WebSocket with the PBX, sound by WebRTC. Loaded only by whoever needs it. */
import JsSIP from 'jssip'
import type { PhoneAccount } from '../api/desk'

type Session = import('jssip/lib/RTCSession').RTCSession

/** What the line tells. A call without an id is one that no citizen made (another agent's). */
export interface LineEvents {
  state: (state: 'connecting' | 'registered' | 'lost' | 'refused') => void
  rings: (callId: string) => void
  up: () => void
  over: (failed: boolean) => void
  microphone: (works: boolean) => void
  sound: (works: boolean) => void
}

const EXPIRES_S = 60
const KEYS_MS = 100

export class PhoneLine {
  private readonly ua: InstanceType<typeof JsSIP.UA>
  private session: Session | null = null
  private readonly sound = new Audio()
  private stopped = false

  constructor(
    account: PhoneAccount,
    private readonly events: LineEvents,
    private readonly rawSound: () => boolean,
  ) {
    this.sound.autoplay = true
    this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(account.url)],
      uri: account.uri,
      authorization_user: account.name,
      password: account.password,
      register_expires: EXPIRES_S,
      session_timers: false,
      // A network that comes back is used within seconds.
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 5,
      user_agent: 'hotline console',
    })
    this.ua.on('connecting', () => events.state('connecting'))
    this.ua.on('registered', () => events.state('registered'))
    this.ua.on('disconnected', () => this.stopped || events.state('lost'))
    this.ua.on('unregistered', () => this.stopped || events.state('lost'))
    this.ua.on('registrationFailed', () => events.state('refused'))
    this.ua.on('newRTCSession', (event: { session: Session; originator: string; request: unknown }) => this.arrived(event))
    navigator.mediaDevices?.addEventListener('devicechange', this.onDevices)
    window.addEventListener('online', this.onOnline)
    this.ua.start()
  }

  private readonly onDevices = (): void => {
    void this.mendMicrophone()
  }
  private readonly onOnline = (): void => {
    if (!this.ua.isConnected()) this.ua.start()
  }

  private arrived({ session, originator, request }: { session: Session; originator: string; request: unknown }): void {
    if (originator !== 'remote') return
    if (this.session) {
      session.terminate({ status_code: 486 })
      return
    }
    this.session = session
    session.on('accepted', () => this.events.up())
    session.on('ended', () => this.over(session, false))
    session.on('failed', () => this.over(session, true))
    session.on('peerconnection', (event: { peerconnection: RTCPeerConnection }) => {
      event.peerconnection.addEventListener('connectionstatechange', () => {
        const { connectionState } = event.peerconnection
        if (connectionState === 'connected' || connectionState === 'failed') this.events.sound(connectionState === 'connected')
      })
      event.peerconnection.addEventListener('track', (arrived) => {
        this.sound.srcObject = arrived.streams[0] ?? new MediaStream([arrived.track])
        void this.sound.play().catch(() => undefined)
      })
    })
    const header = (request as { getHeader(name: string): string | undefined }).getHeader('X-Hotline-Call')
    this.events.rings(header ?? '')
  }

  private over(session: Session, failed: boolean): void {
    if (this.session !== session) return
    this.session = null
    this.sound.srcObject = null
    this.events.over(failed)
  }

  private constraints(): MediaTrackConstraints {
    const processed = !this.rawSound()
    return { echoCancellation: processed, noiseSuppression: processed, autoGainControl: processed }
  }

  /** Take the call. Without a microphone it goes on ringing. */
  async answer(): Promise<void> {
    const session = this.session
    if (!session) return
    let microphone: MediaStream
    try {
      microphone = await navigator.mediaDevices.getUserMedia({ audio: this.constraints() })
    } catch {
      this.events.microphone(false)
      return
    }
    this.events.microphone(true)
    if (this.session !== session) {
      microphone.getTracks().forEach((track) => track.stop())
      return
    }
    this.watch(microphone)
    session.answer({ mediaStream: microphone, pcConfig: { iceServers: [] } })
    session.on('ended', () => microphone.getTracks().forEach((track) => track.stop()))
    session.on('failed', () => microphone.getTracks().forEach((track) => track.stop()))
  }

  private watch(microphone: MediaStream): void {
    microphone.getAudioTracks().forEach((track) => track.addEventListener('ended', () => void this.mendMicrophone()))
  }

  /** A headset was pulled out or put in: go on with whatever there is. */
  private async mendMicrophone(): Promise<void> {
    const sender = this.session?.connection?.getSenders().find((one: RTCRtpSender) => one.track?.kind === 'audio')
    if (!sender || sender.track?.readyState === 'live') return
    try {
      const microphone = await navigator.mediaDevices.getUserMedia({ audio: this.constraints() })
      this.watch(microphone)
      await sender.replaceTrack(microphone.getAudioTracks()[0] ?? null)
      this.events.microphone(true)
    } catch {
      this.events.microphone(false)
    }
  }

  hangUp(): void {
    this.session?.terminate()
  }

  mute(muted: boolean): void {
    if (muted) this.session?.mute({ audio: true })
    else this.session?.unmute({ audio: true })
  }

  press(key: string): void {
    this.session?.sendDTMF(key, { transportType: 'RFC2833', duration: KEYS_MS } as never)
  }

  stop(): void {
    this.stopped = true
    navigator.mediaDevices?.removeEventListener('devicechange', this.onDevices)
    window.removeEventListener('online', this.onOnline)
    this.ua.stop()
  }
}
