export function Logo() {
  return (
    <span className="logo">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <circle cx="16" cy="16" r="11" fill="none" stroke="currentColor" strokeWidth="3" />
        <path d="M16 5a11 11 0 0 1 0 22z" fill="currentColor" />
      </svg>
      Sans Film
    </span>
  );
}
