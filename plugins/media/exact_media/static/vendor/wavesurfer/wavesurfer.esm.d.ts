/** The part of wavesurfer.js that the player uses. */
export interface WaveSurferOptions {
  container: HTMLElement;
  media?: HTMLMediaElement;
  peaks?: (Float32Array | number[])[];
  duration?: number;
  height?: number | 'auto';
  waveColor?: string;
  progressColor?: string;
  cursorColor?: string;
  cursorWidth?: number;
  normalize?: boolean;
  dragToSeek?: boolean;
  hideScrollbar?: boolean;
  cspNonce?: string;
  plugins?: unknown[];
}
export default class WaveSurfer {
  static create(options: WaveSurferOptions): WaveSurfer;
  setOptions(options: Partial<WaveSurferOptions>): void;
  on(event: 'ready' | 'error' | 'interaction', listener: (value: any) => void): () => void;
  destroy(): void;
}
