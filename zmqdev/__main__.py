from zmqdev.cli import main

main()
