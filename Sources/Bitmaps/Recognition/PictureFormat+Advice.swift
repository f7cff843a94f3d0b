// SPDX-License-Identifier: Apache-2.0

extension PictureFormat {
  /// What a file of the format is, in a sentence.
  var noun: String {
    switch kind {
    case .gif, .tiff, .bmp, .jpeg, .jpegXL, .jpeg2000, .jpegXR, .jpegLS, .png, .webp, .netpbm, .radiance, .pfm, .qoi,
      .dds:
      "a \(self) picture"
    case .icns: "an icon of Apple's (ICNS)"
    case .emf: "a drawing (EMF)"
    case .dicom: "a medical picture (DICOM)"
    case .avif, .openEXR: "an \(self) picture"
    case .heic: "a HEIC (HEIF) picture"
    case .ico: "an icon or a cursor (ICO)"
    case .psd: "a Photoshop document (PSD)"
    case .xcf: "a GIMP document (XCF)"
    case .svg: "a drawing (SVG)"
    case .pdf, .djvu, .postScript: "a \(self) document"
    case .cgbi: "a PNG in Apple's own form (CgBI), as in the bundle of an app"
    case .cameraRaw: "the raw file of a camera"
    case .mng: "an animation or a picture of the PNG family (MNG or JNG)"
    case .mp4: "an MP4 or MOV video"
    case .avi: "an AVI video"
    case .matroska, .video: "a \(self)"
    }
  }

  /// What helps if the format cannot be decoded: a program that converts it, with its name in Debian's packages.
  var advice: String {
    switch kind {
    case .gif: "Convert it to WebP (`gif2webp IN.gif -o OUT.webp`), of which the first frame is decoded, or to PNG."
    case .tiff:
      "Convert it to PNG (`tifftopnm IN.tif | pnmtopng`); the raw file of a camera, as NEF or ARW, to JPEG."
    case .bmp: "Convert it to PNG (`bmptopnm IN.bmp | pnmtopng`)."
    case .heic:
      "Convert it to JPEG (`heif-convert IN.heic OUT.jpg`), or have the phone take JPEG (\"most compatible\")."
    case .avif: "Convert it to PNG (`avifdec IN.avif OUT.png`)."
    case .jpegXL: "Convert it to PNG (`djxl IN.jxl OUT.png`)."
    case .jpegLS: "Convert it to PNG (`ffmpeg -i IN.jls OUT.png`)."
    case .jpeg2000: "Convert it to PNG (`opj_decompress -i IN.jp2 -o OUT.png`)."
    case .ico: "Take a picture out of it (`icotool -x IN.ico`)."
    case .icns: "Take the pictures out of it (`icns2png -x IN.icns`)."
    case .emf: "Draw it as PNG (`inkscape IN.emf --export-filename=OUT.png`)."
    case .dicom: "Convert it to PNG (`dcmj2pnm --write-png IN.dcm OUT.png`)."
    case .psd, .xcf: "Export it as PNG from the program that made it."
    case .svg: "Draw it as PNG, in the size that is needed (`rsvg-convert -w 1024 IN.svg -o OUT.png`)."
    case .pdf: "Draw its pages as PNG (`pdftoppm -png IN.pdf OUT`)."
    case .djvu: "Draw its pages as PPM (`ddjvu -format=ppm -page=1 IN.djvu OUT.ppm`)."
    case .postScript: "Draw it as PNG (`gs -sDEVICE=png16m -r150 -o OUT-%d.png IN.ps`)."
    case .cgbi: "Make it a PNG again (`xcrun pngcrush -revert-iphone-optimizations IN.png OUT.png` on a Mac)."
    case .cameraRaw: "Develop it to JPEG, or take the JPEG that the camera can write beside it."
    case .mp4, .matroska, .avi, .video: "Take a picture out of it (`ffmpeg -i IN -frames:v 1 OUT.png`)."
    default: "Convert it to JPEG or PNG (ImageMagick's `convert IN OUT.png`)."
    }
  }
}
