import {
  ActionIcon,
  Button,
  Checkbox,
  createTheme,
  Drawer,
  Input,
  InputWrapper,
  localStorageColorSchemeManager,
  Menu,
  Modal,
  NumberInput,
  PasswordInput,
  Popover,
  Radio,
  SegmentedControl,
  Select,
  Switch,
  TagsInput,
  Textarea,
  TextInput,
  Tooltip,
} from "@mantine/core";

const QUICK = { duration: 120 };
/** Menus and lists open inside the shell's main landmark: what stands in none is not found by its screen readers. */
const OVERLAYS = { target: "#overlays" };

const INLINE = { label: "m-inline-label", description: "m-inline-help", error: "m-error" };

/** Names only: colours and sizes stand in design/mantine.css, in our own tokens. */
export const theme = createTheme({
  fontFamily: "var(--font)",
  fontFamilyMonospace: "var(--mono)",
  defaultRadius: "var(--radius)",
  cursorType: "pointer",
  respectReducedMotion: true,
  primaryColor: "iris",
  primaryShade: { light: 7, dark: 6 },
  colors: {
    iris: [
      "#eeeefb",
      "#dedef7",
      "#bfbff0",
      "#a5a5ff",
      "#8080e6",
      "#6b6be0",
      "#5d5dd6",
      "#4f4fc4",
      "#4343ab",
      "#373792",
    ],
  },
  components: {
    ActionIcon: ActionIcon.extend({
      defaultProps: { size: 28, variant: "subtle" },
      classNames: { root: "m-icon-button" },
    }),
    Button: Button.extend({
      defaultProps: { size: "xs", variant: "default" },
      classNames: { root: "m-button" },
    }),
    Input: Input.extend({ defaultProps: { size: "xs" }, classNames: { input: "m-input" } }),
    InputWrapper: InputWrapper.extend({
      defaultProps: { size: "xs" },
      classNames: { label: "m-label", description: "m-help", error: "m-error" },
    }),
    TextInput: TextInput.extend({ defaultProps: { size: "xs" } }),
    Textarea: Textarea.extend({ defaultProps: { size: "xs" } }),
    PasswordInput: PasswordInput.extend({ defaultProps: { size: "xs" } }),
    Popover: Popover.extend({
      defaultProps: { shadow: "md", transitionProps: QUICK },
      classNames: { dropdown: "m-menu" },
    }),
    NumberInput: NumberInput.extend({ defaultProps: { size: "xs", hideControls: true } }),
    TagsInput: TagsInput.extend({ defaultProps: { size: "xs" } }),
    Select: Select.extend({
      defaultProps: {
        size: "xs",
        allowDeselect: false,
        comboboxProps: { shadow: "md", transitionProps: { duration: 80 }, portalProps: OVERLAYS },
      },
    }),
    Checkbox: Checkbox.extend({ defaultProps: { size: "xs" }, classNames: INLINE }),
    Radio: Radio.extend({ defaultProps: { size: "xs" }, classNames: INLINE }),
    Switch: Switch.extend({ defaultProps: { size: "sm", withThumbIndicator: false }, classNames: INLINE }),
    SegmentedControl: SegmentedControl.extend({
      defaultProps: { size: "xs", transitionDuration: 120 },
      classNames: { root: "m-segments", indicator: "m-segments-thumb", label: "m-segments-label" },
    }),
    Menu: Menu.extend({
      defaultProps: {
        position: "bottom-end",
        shadow: "md",
        transitionProps: QUICK,
        portalProps: OVERLAYS,
        withInitialFocusPlaceholder: false, // an element that a menu may not hold
      },
      classNames: { dropdown: "m-menu", item: "m-menu-item", label: "m-menu-label" },
    }),
    Modal: Modal.extend({
      defaultProps: {
        size: 460,
        transitionProps: QUICK,
        overlayProps: { backgroundOpacity: 0.32 },
        closeButtonProps: { "aria-label": "Close" },
      },
      classNames: { header: "m-modal-head", title: "m-modal-title", body: "m-modal-body" },
    }),
    Drawer: Drawer.extend({
      defaultProps: {
        position: "right",
        size: 560,
        padding: 0,
        transitionProps: { duration: 140 },
        overlayProps: { backgroundOpacity: 0.28 },
      },
    }),
    Tooltip: Tooltip.extend({
      defaultProps: { withArrow: false, openDelay: 200, transitionProps: QUICK },
      classNames: { tooltip: "m-tooltip" },
    }),
  },
});

/** system ("auto"), light or dark. public/theme.js reads the same key before the first paint. */
export const schemeManager = localStorageColorSchemeManager({ key: "headrace.scheme" });
