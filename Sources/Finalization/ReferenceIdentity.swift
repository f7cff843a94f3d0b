/// Whether a value of any type is a reference to a given object.
enum ReferenceIdentity {
  static func `is`<Value>(_ value: borrowing Value, _ object: AnyObject) -> Bool {
    let value = copy value
    if Value.self is AnyClass {
      // SAFETY: a value of a class type is a reference.
      return unsafe unsafeBitCast(value, to: AnyObject.self) === object
    }
    if let optional = value as? any OptionalReference { return optional.isReference(to: object) }
    let any: Any = value
    // A class instance behind a protocol type; `as AnyObject` would box anything else.
    return type(of: any) is AnyClass && (any as AnyObject) === object
  }
}

private protocol OptionalReference {
  func isReference(to object: AnyObject) -> Bool
}

extension Optional: OptionalReference {
  func isReference(to object: AnyObject) -> Bool {
    switch self {
    case .some(let value): ReferenceIdentity.is(value, object)
    case .none: false
    }
  }
}
