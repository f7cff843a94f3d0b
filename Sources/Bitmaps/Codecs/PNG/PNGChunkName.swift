// SPDX-License-Identifier: Apache-2.0

/// The names of a PNG's chunks, as numbers whose most significant byte is the first letter.
enum PNGChunkName {
  static let header = 0x4948_4452  // IHDR
  static let data = 0x4944_4154  // IDAT
  static let end = 0x4945_4E44  // IEND
  static let palette = 0x504C_5445  // PLTE
  static let transparency = 0x7452_4E53  // tRNS
  static let exif = 0x6558_4966  // eXIf
  static let profile = 0x6943_4350  // iCCP
  static let gamma = 0x6741_4D41  // gAMA
  static let animation = 0x6163_544C  // acTL
  static let frame = 0x6663_544C  // fcTL
  static let frameData = 0x6664_4154  // fdAT

  static let ofAnimation: Set<Int> = [animation, frame, frameData]

  /// Chunks that, by the specification, have an effect only ahead of the pixels, except those that ``PNGChunkWalk``
  /// handles one by one: tRNS, gAMA, acTL, bKGD, hIST, cHRM, sRGB, cICP, mDCV, cLLI, sBIT, pHYs, sPLT.
  static let aheadOfPixels: Set<Int> = [
    transparency, gamma, animation, 0x624B_4744, 0x6849_5354, 0x6348_524D, 0x7352_4742, 0x6349_4350, 0x6D44_4356,
    0x634C_4C49, 0x7342_4954, 0x7048_5973, 0x7350_4C54,
  ]
}
