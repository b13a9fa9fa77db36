import type { ReactNode } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";

interface Props {
  /** On the button that opens it. */
  label: string;
  title: string;
  className?: string;
  /** Whether it is left by its own buttons alone, because it shows what nobody can show again. */
  isSticky?: boolean;
  children: (close: () => void) => ReactNode;
}

const SMALL = "button button-quiet button-small";

/** A button and the dialog that it opens. */
export function FormDialog({ label, title, className = SMALL, isSticky = false, children }: Props) {
  return (
    <DialogTrigger>
      <Button className={className}>{label}</Button>
      <ModalOverlay className="overlay" isDismissable={!isSticky} isKeyboardDismissDisabled={isSticky}>
        <Modal className="modal">
          <Dialog className="dialog">
            {({ close }) => (
              <>
                <Heading slot="title">{title}</Heading>
                {children(close)}
              </>
            )}
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}
