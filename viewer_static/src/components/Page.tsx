import { type ReactNode, useEffect, useRef } from "react";

let isFirstPage = true;

/** A page's frame: its title in the tab, and the focus on its heading when one arrives from another page. */
export function Page({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Sans Film`;
  }, [title]);
  useEffect(() => {
    // Where the reader came by a link of the portal, that link is gone: the heading is where reading goes on.
    if (!isFirstPage && document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
    isFirstPage = false;
  }, []);
  return (
    <>
      <div className="page-heading">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions}
      </div>
      {children}
    </>
  );
}

export function Loading({ label }: { label: string }) {
  return (
    <p className="loading" role="status">
      {label}
    </p>
  );
}
