// SPDX-License-Identifier: Apache-2.0

/// The names of chunks, as numbers whose most significant byte is the first letter.
enum ChunkName {
  static let header = 0x4948_4452  // IHDR
  static let data = 0x4944_4154  // IDAT
  static let end = 0x4945_4E44  // IEND
  static let palette = 0x504C_5445  // PLTE
  static let transparency = 0x7452_4E53  // tRNS
  static let pngExif = 0x6558_4966  // eXIf
  static let pngProfile = 0x6943_4350  // iCCP
  static let pngAnimation = 0x6163_544C  // acTL
  static let pngFrame = 0x6663_544C  // fcTL
  static let pngFrameData = 0x6664_4154  // fdAT
  /// PNG chunks that, by the specification, have an effect only ahead of the pixels, except those that
  /// `MetadataScanner` handles one by one: tRNS, bKGD, hIST, gAMA, cHRM, sRGB, cICP, mDCV, cLLI, sBIT, pHYs, sPLT,
  /// acTL.
  static let aheadOfPixels: Set<Int> = [
    transparency, 0x624B_4744, 0x6849_5354, 0x6741_4D41, 0x6348_524D, 0x7352_4742, 0x6349_4350, 0x6D44_4356,
    0x634C_4C49, 0x7342_4954, 0x7048_5973, 0x7350_4C54, pngAnimation,
  ]
  static let lossy = 0x5650_3820  // VP8 and a space
  static let lossless = 0x5650_384C  // VP8L
  static let extended = 0x5650_3858  // VP8X
  static let alpha = 0x414C_5048  // ALPH
  static let webpAnimation = 0x414E_494D  // ANIM
  static let webpFrame = 0x414E_4D46  // ANMF
  static let webpExif = 0x4558_4946  // EXIF
  static let webpProfile = 0x4943_4350  // ICCP

  /// The name as text. Each byte that is not a letter, a digit or a space becomes a question mark.
  static func text(_ name: Int) -> String {
    let letters = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: name >> $0) }
    let isPlain: (UInt8) -> Bool = {
      $0 == 0x20 || UnicodeScalar($0).properties.isAlphabetic && $0 < 0x80 || (0x30...0x39).contains($0)
    }
    return String(decoding: letters.map { isPlain($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }
}
