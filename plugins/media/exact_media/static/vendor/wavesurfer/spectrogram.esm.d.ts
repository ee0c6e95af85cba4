/** The part of wavesurfer's spectrogram that the player uses. */
export interface SpectrogramOptions {
  height?: number;
  fftSamples?: number;
  scale?: 'linear' | 'logarithmic' | 'mel' | 'bark' | 'erb';
  frequencyMax?: number;
  rangeDB?: number;
  autoGain?: boolean;
  colorMap?: number[][] | 'gray' | 'igray' | 'roseus';
}
export default class SpectrogramPlugin {
  static create(options?: SpectrogramOptions): SpectrogramPlugin;
  on(event: 'ready' | 'error' | 'click', listener: (value: any) => void): () => void;
}
