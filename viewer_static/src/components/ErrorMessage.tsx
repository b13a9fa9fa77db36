import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type FailureKind, RequestFailed } from "../api/http";

export function kindOf(error: unknown): FailureKind {
  return error instanceof RequestFailed ? error.kind : "unexpected";
}

/** What went wrong, in a sentence, and a way to try again. */
export function ErrorMessage({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="message message-error" role="alert">
      <p>{t(`failure.${kindOf(error)}`)}</p>
      {onRetry && (
        <Button className="button button-quiet" onPress={onRetry}>
          {t("retry")}
        </Button>
      )}
    </div>
  );
}
