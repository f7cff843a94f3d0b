// SPDX-License-Identifier: Apache-2.0

/// The names of a WebP's chunks, as numbers whose most significant byte is the first letter.
enum WebPChunkName {
  static let lossy = 0x5650_3820  // VP8 and a space
  static let lossless = 0x5650_384C  // VP8L
  static let extended = 0x5650_3858  // VP8X
  static let alpha = 0x414C_5048  // ALPH
  static let animation = 0x414E_494D  // ANIM
  static let frame = 0x414E_4D46  // ANMF
  static let exif = 0x4558_4946  // EXIF
  static let profile = 0x4943_4350  // ICCP
}
