// Buttons with options use a passkey before their form is sent: data-create makes one, data-sign signs with
// one. The field that data-into names receives the result.
for (const form of document.forms) {
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    const { create, sign, into } = button ? button.dataset : {};
    if (!into || form.elements[into].value) return;
    event.preventDefault();
    const status = document.getElementById("device");
    const say = (text) => {
      status.textContent = text;
      status.classList.toggle("problem", text.startsWith("Nothing was changed"));
    };
    const passkeys = window.PublicKeyCredential;
    if (!passkeys || !passkeys.parseRequestOptionsFromJSON || !passkeys.parseCreationOptionsFromJSON) {
      say(window.isSecureContext
        ? "Nothing was changed: this browser cannot use passkeys here. Update it, or open this address in another one."
        : "Nothing was changed: browsers use passkeys only over https or on localhost. Ask this server's operator for such an address.");
      return;
    }
    say("Your device now asks you to confirm.");
    try {
      const credential = create
        ? await navigator.credentials.create({ publicKey: passkeys.parseCreationOptionsFromJSON(JSON.parse(create)) })
        : await navigator.credentials.get({ publicKey: passkeys.parseRequestOptionsFromJSON(JSON.parse(sign)) });
      form.elements[into].value = JSON.stringify(credential.toJSON());
    } catch (error) {
      say({
        NotAllowedError: "Nothing was changed: no passkey was used. You cancelled, it took too long, this device has no passkey for this page, or it could not check that it is you. Try again, or open this address on the device with your passkey.",
        InvalidStateError: "Nothing was changed: this device has a passkey for this page already.",
        SecurityError: "Nothing was changed: passkeys do not work at this address. Ask this server's operator for its public address.",
      }[error.name] || "Nothing was changed: the browser could not use a passkey. Try again, or use another browser.");
      return;
    }
    form.requestSubmit(button);
  });
}
