// SPDX-License-Identifier: Apache-2.0

/// Finds the object that a value refers to, if the value, of any type, is a reference.
enum ReferenceIdentity {
  static func object<Value>(in value: borrowing Value) -> AnyObject? {
    let value = copy value
    if Value.self is AnyClass {
      // SAFETY: a value of a class type is a reference.
      return unsafe unsafeBitCast(value, to: AnyObject.self)
    }
    if let optional = value as? any OptionalReference { return optional.reference }
    let any: Any = value
    // A class instance behind a protocol type; `as AnyObject` would box anything else.
    return type(of: any) is AnyClass ? any as AnyObject : nil
  }
}

private protocol OptionalReference {
  var reference: AnyObject? { get }
}

extension Optional: OptionalReference {
  fileprivate var reference: AnyObject? {
    switch self {
    case .some(let value): ReferenceIdentity.object(in: value)
    case .none: nil
    }
  }
}
